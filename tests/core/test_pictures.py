"""The picture store: the same on disk and in S3-compatible storage (moto's server over HTTP), and what it makes of odd
bytes."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from app.services.net import free_port
from core.errors import SetupError, Unavailable
from core.pictures import PIXELS, THUMBNAIL, Pictures, path_of, thumbnail

STORES = ["disk", "file", "s3"]


def draw(width: int, height: int, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert(mode).save(out, "JPEG")
    return out.getvalue()


JPEG = draw(320, 180)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def claim_size(body: bytes, width: int, height: int) -> bytes:
    """The JPEG with another size in its frame header (ITU-T T.81 section B.2.2)."""
    at = body.index(b"\xff\xc0") + 5
    return body[:at] + struct.pack(">HH", height, width) + body[at + 4 :]


@pytest.fixture(params=STORES)
def pictures(request: pytest.FixtureRequest, tmp_path: Path, aws: pytest.MonkeyPatch) -> Pictures:
    if request.param == "s3":
        aws.setenv("AWS_ENDPOINT", request.getfixturevalue("s3"))
        return Pictures("s3://city/pictures", tmp_path)
    return Pictures("" if request.param == "disk" else f"file://{tmp_path}/elsewhere", tmp_path)


def test_picture_comes_back_as_it_was_put(pictures: Pictures) -> None:
    pictures.put(sha256(JPEG), JPEG)
    assert pictures.get(sha256(JPEG)) == JPEG


def test_picture_that_is_put_twice_is_there_once_and_unchanged(pictures: Pictures) -> None:
    for _ in range(2):
        pictures.put(sha256(JPEG), JPEG)
    assert pictures.get(sha256(JPEG)) == JPEG


def test_thumbnail_is_a_smaller_jpeg_of_the_same_shape(pictures: Pictures) -> None:
    body = draw(1280, 720)
    pictures.put(sha256(body), body)
    small = pictures.get(sha256(body), thumb=True)
    assert small is not None
    assert len(small) < len(body)
    with Image.open(io.BytesIO(small)) as image:
        assert image.format == "JPEG"
        assert image.size == (320, 180)


def test_deleted_picture_and_its_thumbnail_are_gone_and_deleting_again_is_no_error(pictures: Pictures) -> None:
    body = draw(640, 360)
    pictures.put(sha256(body), body)
    for _ in range(2):
        pictures.delete(sha256(body))
        assert pictures.get(sha256(body)) is None
        assert pictures.get(sha256(body), thumb=True) is None


def test_picture_that_never_was_is_none(pictures: Pictures) -> None:
    assert pictures.get("0" * 64) is None
    assert pictures.get("0" * 64, thumb=True) is None


def test_bytes_that_cannot_be_drawn_are_kept_and_are_their_own_thumbnail(pictures: Pictures) -> None:
    body = JPEG[:3] + b"not a picture after all"
    pictures.put(sha256(body), body)
    assert pictures.get(sha256(body), thumb=True) == body


def test_pictures_lie_by_the_first_letters_of_their_hash(tmp_path: Path) -> None:
    Pictures("", tmp_path).put(sha256(JPEG), JPEG)
    digest = sha256(JPEG)
    assert (tmp_path / "pictures" / digest[:2] / f"{digest}.jpg").read_bytes() == JPEG
    assert path_of(digest, thumb=True) == f"{digest[:2]}/{digest}.thumb.jpg"


def test_store_with_no_pictures_makes_no_folder(tmp_path: Path) -> None:
    Pictures("", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "body", [b"", b"GIF89a", b"\xff\xd8\xff", JPEG[:400], b"\x00" * 5000], ids=["empty", "gif", "start", "cut", "zeros"]
)
def test_bytes_that_are_no_picture_have_no_thumbnail(body: bytes) -> None:
    assert thumbnail(body) is None


def test_picture_of_another_format_has_no_thumbnail() -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    assert thumbnail(out.getvalue()) is None


@pytest.mark.parametrize(("width", "height"), [(65_000, 65_000), (8_001, 8_000)], ids=["4 gigapixels", "just too many"])
def test_picture_that_unpacks_to_too_many_pixels_is_not_drawn(width: int, height: int) -> None:
    assert width * height > PIXELS
    assert thumbnail(claim_size(draw(64, 48), width, height)) is None


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_picture_of_any_colours_has_a_thumbnail_for_the_screen(mode: str) -> None:
    small = thumbnail(draw(700, 500, mode))
    assert small is not None
    with Image.open(io.BytesIO(small)) as image:
        assert image.mode == "RGB"
        assert image.width <= THUMBNAIL[0]
        assert image.height <= THUMBNAIL[1]


def test_small_picture_is_not_blown_up() -> None:
    small = thumbnail(draw(40, 30))
    assert small is not None
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (40, 30)


def test_store_that_is_down_is_unavailable(tmp_path: Path, aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    pictures = Pictures("s3://city/pictures", tmp_path)
    with pytest.raises(Unavailable, match="picture store"):
        pictures.put(sha256(JPEG), JPEG)
    with pytest.raises(Unavailable, match="picture store"):
        pictures.get(sha256(JPEG))
    with pytest.raises(Unavailable, match="picture store"):
        pictures.delete(sha256(JPEG))


def test_bucket_that_is_not_there_is_unavailable(tmp_path: Path, aws: pytest.MonkeyPatch, s3: str) -> None:
    aws.setenv("AWS_ENDPOINT", s3)
    with pytest.raises(Unavailable):
        Pictures("s3://nowhere/pictures", tmp_path).put(sha256(JPEG), JPEG)


def test_full_disk_or_forbidden_folder_is_unavailable(tmp_path: Path) -> None:
    pictures = Pictures("", tmp_path)
    pictures.put(sha256(JPEG), JPEG)
    body = draw(64, 64)
    (tmp_path / "pictures" / sha256(body)[:2]).write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="does not take pictures"):
        pictures.put(sha256(body), body)


@pytest.mark.parametrize("url", ["dragon://x", "nonsense"])
def test_address_of_no_store_names_the_setting(url: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        Pictures(url, tmp_path).put(sha256(JPEG), JPEG)
    assert caught.value.field == "ONEMAP_PICTURES_URL"


def test_what_is_stored_is_told_and_comes_back_where_it_is_lacking(pictures: Pictures) -> None:
    pictures.put(sha256(JPEG), JPEG)
    # what an earlier test has left in the same bucket is told too
    wanted = {path_of(sha256(JPEG)), path_of(sha256(JPEG), thumb=True)}
    held = {path: pictures.read(path) for path in pictures.stored() if path in wanted}
    assert held.keys() == wanted
    pictures.delete(sha256(JPEG))
    assert not wanted & set(pictures.stored())
    for path, body in held.items():
        assert body
        pictures.bring(path, body)
        pictures.bring(path, b"not put over what is there")
    assert pictures.get(sha256(JPEG)) == JPEG
    assert pictures.read(path_of("0" * 64)) is None
