"""Pinyin as people type it: syllables without tones or blanks, initials, or both mixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

# Every syllable that pypinyin reads a character as (a test holds it so); ü is v.
_SPOKEN = """
a ai an ang ao ba bai ban bang bao bei ben beng bi bian biang biao bie bin bing bo bong bu ca cai can cang cao ce
cei cen ceng cha chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui chun chuo ci
cong cou cu cuan cui cun cuo da dai dan dang dao de dei den deng di dia dian diao die din ding diu dong dou du duan
dui dun duo e ei en eng er fa fan fang fei fen feng fiao fo fou fu ga gai gan gang gao ge gei gen geng gong gou gu
gua guai guan guang gui gun guo ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji
jia jian jiang jiao jie jin jing jiong jiu ju juan jue jun ka kai kan kang kao ke kei ken keng kong kou ku kua kuai
kuan kuang kui kun kuo la lai lan lang lao le lei len leng li lia lian liang liao lie lin ling liu lo long lou lu
luan lun luo lv lve ma mai man mang mao me mei men meng mi mian miao mie min ming miu mo mou mu na nai nan nang nao
ne nei nen neng ni nia nian niang niao nie nin ning niu nong nou nu nuan nun nuo nv nve o ou pa pai pan pang pao pei
pen peng pi pian piao pie pin ping po pou pu qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun ran rang
rao re ren reng ri rong rou ru rua ruan rui run ruo sa sai san sang sao se sen seng sha shai shan shang shao she
shei shen sheng shi shou shu shua shuai shuan shuang shui shun shuo si song sou su suan sui sun suo ta tai tan tang
tao te tei teng ti tian tiao tie ting tong tou tu tuan tui tun tuo wa wai wan wang wei wen weng wo wong wu xi xia
xian xiang xiao xie xin xing xiong xiu xu xuan xue xun ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun za
zai zan zang zao ze zei zen zeng zha zhai zhan zhang zhao zhe zhei zhen zheng zhi zhong zhou zhu zhua zhuai zhuan
zhuang zhui zhun zhuo zi zong zou zu zuan zui zun zuo
"""
SYLLABLES = frozenset(_SPOKEN.split())
STARTS = frozenset(one[:end] for one in SYLLABLES for end in range(1, len(one) + 1))
LONGEST = max(map(len, SYLLABLES))
# ways to read a text that are tried; letters of which initials may be meant
WAYS, INITIALS = 6, range(2, 11)


@dataclass(frozen=True, slots=True)
class Piece:
    """What is typed of one character: a syllable, or the beginning of one."""

    letters: str
    whole: bool


Way = tuple[Piece, ...]


def by_syllables(letters: str) -> list[Way]:
    """Ways to read `letters` as syllables, the last of which may be unfinished; those of fewest first, WAYS at most."""
    ways = list(islice(_ways(letters), WAYS * 4))
    return sorted(ways, key=len)[:WAYS]


def _ways(letters: str) -> Iterator[Way]:
    @cache
    def ends_well(at: int) -> bool:
        return letters[at:] in STARTS or any(ends_well(end) for end in _ends(letters, at) if end < len(letters))

    def read(at: int) -> Iterator[Way]:
        if (rest := letters[at:]) in STARTS:
            yield (Piece(rest, False),)
        for end in _ends(letters, at):
            if end < len(letters) and ends_well(end):
                for way in read(end):
                    yield (Piece(letters[at:end], True), *way)

    return read(0) if ends_well(0) else iter(())


def _ends(letters: str, at: int) -> Iterator[int]:
    """Where a syllable that begins at `at` may end, the longest first."""
    for end in range(min(len(letters), at + LONGEST), at, -1):
        if letters[at:end] in SYLLABLES:
            yield end


def by_initials(letters: str) -> Way | None:
    """Each letter the beginning of a character's syllable; None where that cannot be."""
    if len(letters) not in INITIALS or not all(letter in STARTS for letter in letters):
        return None
    return tuple(Piece(letter, False) for letter in letters)


def mixed(letters: str) -> Way | None:
    """Some characters by syllable, some by initial: rmdadao. None where that cannot be, or it says no more than
    initials."""
    found: list[Piece] = []
    at = 0
    while at < len(letters):
        end = next(_ends(letters, at), at + 1)
        piece = letters[at:end]
        if piece not in STARTS:
            return None
        found.append(Piece(piece, piece in SYLLABLES))
        at = end
    return tuple(found) if any(len(piece.letters) > 1 for piece in found) and len(found) > 1 else None
