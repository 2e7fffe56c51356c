"""Run by the Python of QGIS, not ours: a project or a layer definition as a person at the desk opens it. Argument: the
file. Prints JSON."""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsLayerDefinition,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
)
from qgis.PyQt.QtCore import QSize


def told_of(layer: object) -> dict[str, object]:
    renderer = layer.renderer()
    kind = renderer.type() if renderer else None
    told = {
        "valid": layer.isValid(),
        "name": layer.name(),
        "crs": layer.crs().authid(),
        "count": sum(1 for _ in layer.getFeatures()),
        "fields": [field.name() for field in layer.fields()],
        "renderer": kind,
        "labels": layer.labelsEnabled(),
        "scaled": layer.hasScaleBasedVisibility(),
        "least": layer.minimumScale(),
    }
    if kind == "categorizedSymbol":
        told["by"] = renderer.classAttribute()
        told["classes"] = {str(c.value()): c.symbol().color().name() for c in renderer.categories()}
    elif kind == "graduatedSymbol":
        told["by"] = renderer.classAttribute()
        told["classes"] = {str(c.upperValue()): c.symbol().color().name() for c in renderer.ranges()}
    elif kind == "singleSymbol":
        told["colour"] = renderer.symbol().color().name()
    return told


def draw(project: QgsProject, picture: str) -> int:
    """How many colours a picture of the whole has."""
    settings = QgsMapSettings()
    settings.setLayers([one for one in project.layerTreeRoot().layerOrder() if one.isSpatial()])
    settings.setDestinationCrs(project.crs())
    settings.setExtent(project.viewSettings().defaultViewExtent())
    settings.setOutputSize(QSize(600, 450))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(picture)
    return len({image.pixel(x, y) for x in range(image.width()) for y in range(image.height())})


def main() -> None:
    path, picture = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    found: dict[str, object] = {}
    if path.endswith(".qlr"):
        found["read"], found["why"] = QgsLayerDefinition.loadLayerDefinition(path, project, project.layerTreeRoot())
    else:
        found["read"], found["why"] = project.read(path), project.error()
        found["crs"] = project.crs().authid()
        found["groups"] = [group.name() for group in project.layerTreeRoot().findGroups()]
        found["order"] = [one.name() for one in project.layerTreeRoot().layerOrder()]
        extent = project.viewSettings().defaultViewExtent()
        found["extent"] = [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()]
    found["layers"] = {key: told_of(one) for key, one in project.mapLayers().items()}
    if not path.endswith(".qlr"):
        found["colours"] = draw(project, picture)
    print(json.dumps(found))
    sys.stdout.flush()
    project.clear()
    application.exitQgis()


main()
