"""Run by the Python of QGIS, not ours: a layer of `/ogc` through its provider for OGC API Features, as a person at the
desk would use it. Arguments: the address with a token, a layer. Prints JSON."""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsFeatureRequest,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsRectangle,
    QgsRendererCategory,
    QgsSymbol,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize


def read(url: str, name: str, box: list[float], words: str, picture: str) -> dict[str, object]:
    layer = QgsVectorLayer(f"url='{url}' typename='{name}' pagingEnabled='true' pageSize='200'", name, "OAPIF")
    found: dict[str, object] = {"valid": layer.isValid()}
    if not layer.isValid():
        return found
    found["crs"] = layer.crs().authid()
    found["fields"] = [field.name() for field in layer.fields()]
    found["count"] = sum(1 for _ in layer.getFeatures())
    inside = QgsFeatureRequest().setFilterRect(QgsRectangle(*box)).setFlags(QgsFeatureRequest.ExactIntersect)
    found["inside"] = sum(1 for _ in layer.getFeatures(inside))
    found["filtered"] = sum(1 for _ in layer.getFeatures(QgsFeatureRequest().setFilterExpression(words)))
    field = words.split(" ")[0].strip('"')
    values = sorted({str(value) for value in layer.uniqueValues(layer.fields().indexOf(field))})
    symbols = [QgsRendererCategory(value, QgsSymbol.defaultSymbol(layer.geometryType()), value) for value in values]
    layer.setRenderer(QgsCategorizedSymbolRenderer(field, symbols))
    found["classes"] = values
    found["colours"] = draw(layer, picture)
    return found


def draw(layer: QgsVectorLayer, picture: str) -> int:
    """How many colours a picture of the layer has."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(400, 300))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(picture)
    return len({image.pixel(x, y) for x in range(image.width()) for y in range(image.height())})


def main() -> None:
    url, name, box, words, picture = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    print(json.dumps(read(url, name, json.loads(box), words, picture)))
    sys.stdout.flush()
    application.exitQgis()


main()
