"""Photos that are not taken in: a folder as ingestion reads it, made ready to measure networks on."""

from collections.abc import Callable, Iterator
from pathlib import Path

from bankd.catalog.taxonomy import Taxonomy
from bankd.ingestion.decode import decode
from bankd.ingestion.errors import FolderInvalid, NoLabelMap
from bankd.ingestion.folder import Folder, read_folder
from bankd.ingestion.labels import decode_labels
from synth.pictures import CategoryFacts, SynthError
from synth.training import snapshot as snapshots

_NO_RIGHTS = "0" * 64  # nothing is made of these photos: they are looked at, by those who brought them

Place = Callable[[str], tuple[str | None, int]]  # of a photo's name: its sequence, and its number there


def write(source: Path, target: Path, *, place: Place, taxonomy: Taxonomy) -> int:
    """Write the photos of a folder as `synth` reads them, their label maps in house categories; how many.

    Raises:
        FolderInvalid, ClassesInvalid, UnknownCategories: as the folder is read.
        Refused: a photo or label map cannot be used; it is named.
    """
    folder = read_folder(source)
    categories = [
        CategoryFacts(
            c.id, c.name, ground=c.ground, planar=c.planar, thin=c.thin, void=c.id == 0,
            front_rank=c.front_rank,
        )
        for c in taxonomy.categories
    ]  # fmt: skip
    if not folder.photos:
        raise FolderInvalid(f"`{source}` holds no photo")
    try:
        return len(snapshots.write(target, _members(folder, place, taxonomy), categories).photos)
    except SynthError as error:
        raise FolderInvalid(f"`{source}`: {error}") from error


def _members(folder: Folder, place: Place, taxonomy: Taxonomy) -> Iterator[snapshots.Member]:
    classes = taxonomy.map_classes(folder.classes)
    for photo in folder.photos:
        if photo.labels is None:
            raise NoLabelMap(photo.name)
        content = photo.photo.read_bytes()
        decoded = decode(content, name=photo.name)
        labels = decode_labels(
            photo.labels.read_bytes(), name=photo.name, frame=decoded.frame, classes=classes
        )
        sequence, number = place(photo.name)
        name = Path(photo.name).stem
        yield snapshots.Member(
            name, name if sequence is None else sequence, number, content, labels, _NO_RIGHTS
        )
