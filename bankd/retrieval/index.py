"""The resident index as of one moment of the bank.

An `Index` is never changed: what moved in the bank since makes another one, which
shares with it all that stayed. So a query sees one moment from beginning to end,
and whoever follows the bank puts the next one in its place.

Its rows lie in pieces. A photo that is new, or whose rights profile changed, goes into a
new piece; the rows that it has in an older one are blocked there for good. Joining reads the
newest pieces anew as one, each time with as many rows as they have, so that there are
few pieces and each row is read a few times only.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from psycopg import Cursor

from bankd.retrieval import copying
from bankd.retrieval.copying import Moment
from bankd.retrieval.ranked import Ranked
from synth.retrieval.descriptors import Descriptors, Frame
from synth.retrieval.resident import FOREVER_US, Cleared, Found, Ints, Part, Photos, Rows, Work, merge
from synth.retrieval.searching import Search, searched

EVERY_GRANT = -1
"""As the bits that are left out of a photo: all of it."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Rows that were read together, and whose they are: `photos` tells a photo's place in the part."""

    part: Part
    photos: Mapping[bytes, int]
    ids: Sequence[UUID]
    profile: Ints


@dataclass(frozen=True, eq=False)
class Index:
    """Every cleared or uncleared row of one frame at one moment; the newest piece comes last."""

    frame: Frame
    moment: Moment
    pieces: tuple[Piece, ...]

    def __len__(self) -> int:
        return sum(len(piece.part) for piece in self.pieces)

    @property
    def size_bytes(self) -> int:
        return sum(piece.part.size_bytes for piece in self.pieces)

    def place(self, photo: bytes) -> tuple[int, int] | None:
        """In which piece the rows of a photo are, and which photo of that piece it is."""
        for number in reversed(range(len(self.pieces))):
            found = self.pieces[number].photos.get(photo)
            if found is not None:
                return number, found
        return None

    def profile(self, photo: bytes) -> int | None:
        place = self.place(photo)
        return None if place is None else int(self.pieces[place[0]].profile[place[1]])

    def without(self, left_out: Mapping[bytes, int]) -> "Index":
        """The index in which these grants of photos, as bits by ordinal, clear nothing either."""
        edits: list[_Edit] = []
        for photo, bits in left_out.items():
            place = self.place(photo)
            if place is None:
                continue
            part = self.pieces[place[0]].part
            blocked, until_us = int(part.blocked[place[1]]), int(part.until_us[place[1]])
            edits.append(
                (place, blocked, FOREVER_US) if bits == EVERY_GRANT else (place, blocked | bits, until_us)
            )
        return replace(self, pieces=_edited(self.pieces, edits))

    def rank(
        self,
        categories: Sequence[int],
        query: Descriptors,
        clears: Sequence[Cleared],
        *,
        k: int,
        at_us: int,
        work: Work | None = None,
        threads: int = 1,
    ) -> list[list[Ranked]]:
        """The k best rows for each region whose photos' grants clear and are not blocked, best first.

        Args:
            clears: what clears of each piece.
            threads: at most so many work on it, where there is enough for more than one.
        """
        regions: dict[int, list[int]] = {}
        for region, category in enumerate(categories):
            regions.setdefault(category, []).append(region)
        searches: list[Search] = []
        for category, places in regions.items():
            for piece, cleared in zip(self.pieces, clears, strict=True):
                spans = cleared.spans(category)
                if spans.rows:
                    searches.append(Search(piece.part, places, spans))
        whose = {id(piece.part): piece for piece in self.pieces}
        answers: list[list[tuple[Piece, Found]]] = [[] for _ in categories]
        work = Work() if work is None else work
        for search, found in searched(query, searches, k=k, at_us=at_us, threads=threads, work=work):
            piece = whose[id(search.part)]
            for region, one in zip(search.places, found, strict=True):
                answers[region].append((piece, one))
        return [_joined(answer, k) for answer in answers]


def built(cursor: Cursor[Any], frame: Frame) -> Index:
    """All that Postgres has in one frame. Like all that follows it needs a REPEATABLE READ transaction."""
    now = copying.moment(cursor)
    piece = _piece(copying.admitted(cursor), copying.described(cursor, frame))
    return Index(frame, now, () if piece is None else (piece,))


def refreshed(cursor: Cursor[Any], index: Index) -> Index:
    """The index of this transaction's moment, from an earlier one's."""
    now = copying.moment(cursor)
    changed = copying.changed(cursor, since=index.moment, now=now)
    edits: list[_Edit] = []
    new = np.zeros(len(changed), bool)
    for at, photo in enumerate(changed):
        place = index.place(photo["id"].item())
        if photo["admitted"] and (
            place is None or index.pieces[place[0]].profile[place[1]] != photo["profile"]
        ):
            new[at] = True
        if place is None:
            continue
        if new[at] or not photo["admitted"]:
            edits.append((place, 0, FOREVER_US))
        else:
            edits.append((place, int(photo["blocked"]), int(photo["until_us"])))
    pieces = _edited(index.pieces, edits)
    if new.any():
        photos = changed[new]
        piece = _piece(photos, copying.described(cursor, index.frame, photos["id"].tolist()))
        pieces += () if piece is None else (piece,)
    return replace(index, moment=now, pieces=pieces)


def joined(cursor: Cursor[Any], index: Index) -> Index:
    """The index of this transaction's moment in fewer pieces, if it has too many small ones."""
    index = refreshed(cursor, index)
    first = _first_to_join(index)
    if first is None:
        return index
    if first == 0:
        return built(cursor, index.frame)
    kept = index.pieces[:first]
    ids = {photo for piece in index.pieces[first:] for photo in piece.photos}
    photos = copying.admitted(cursor, sorted(ids))
    piece = _piece(photos, copying.described(cursor, index.frame, sorted(ids)))
    return replace(index, pieces=kept if piece is None else (*kept, piece))


def without_erased(cursor: Cursor[Any], index: Index) -> Index:
    """The index of this transaction's moment with no row of a photo that is none any more: the same one if
    it has none. Reads anew the pieces that have some."""
    index = refreshed(cursor, index)
    pieces: list[Piece] = []
    for number, piece in enumerate(index.pieces):
        over = [photo for photo, at in piece.photos.items() if piece.part.until_us[at] == FOREVER_US]
        if not copying.erased(cursor, over):
            pieces.append(piece)
            continue
        # Of a photo that has gone on into a newer piece the rows are there.
        ids = sorted(photo for photo in piece.photos if index.place(photo) == (number, piece.photos[photo]))
        made = _piece(copying.admitted(cursor, ids), copying.described(cursor, index.frame, ids))
        pieces += () if made is None else (made,)
    if len(pieces) == len(index.pieces) and all(map(operator.is_, pieces, index.pieces)):
        return index
    return replace(index, pieces=tuple(pieces))


def can_be_joined(index: Index) -> bool:
    return _first_to_join(index) is not None


def _first_to_join(index: Index) -> int | None:
    """From which piece on to join: while one is no more than twice what came after it."""
    first = len(index.pieces) - 1
    behind = 0
    while first > 0 and len(index.pieces[first - 1].part) <= 2 * (behind + len(index.pieces[first].part)):
        behind += len(index.pieces[first].part)
        first -= 1
    return None if first >= len(index.pieces) - 1 else first


_Edit = tuple[tuple[int, int], int, int]  # piece and photo, bits blocked, until when all of it is


def _edited(pieces: tuple[Piece, ...], edits: Sequence[_Edit]) -> tuple[Piece, ...]:
    by_piece: dict[int, list[_Edit]] = {}
    for edit in edits:
        by_piece.setdefault(edit[0][0], []).append(edit)
    edited = list(pieces)
    for number, theirs in by_piece.items():
        part = pieces[number].part.blocking(
            np.array([place for (_, place), _, _ in theirs], np.intp),
            np.array([blocked for _, blocked, _ in theirs], np.uint64),
            np.array([until_us for _, _, until_us in theirs], np.int64),
        )
        edited[number] = replace(pieces[number], part=part)
    return tuple(edited)


def _piece(photos: npt.NDArray[Any], rows: copying.Described) -> Piece | None:
    if not rows.photo:
        return None
    ids = photos["id"].tolist()
    places = {photo: place for place, photo in enumerate(ids)}
    part = Part(
        Rows(
            segment=rows.segment,
            photo=np.array([places[photo] for photo in rows.photo], np.int32),
            ordinal=rows.ordinal,
            category=rows.category,
            profile=rows.profile,
            descriptors=rows.descriptors,
        ),
        Photos(
            sha256=np.ascontiguousarray(photos["sha256"]),
            blocked=photos["blocked"].astype(np.uint64),
            until_us=photos["until_us"].astype(np.int64),
        ),
        frame=rows.descriptors.frame,
    )
    return Piece(part, places, [UUID(bytes=one) for one in ids], photos["profile"].astype(np.int64))


def _joined(answers: Sequence[tuple[Piece, Found]], k: int) -> list[Ranked]:
    if len(answers) < 2:
        return [one for piece, found in answers for one in _ranked(piece, found, len(found.key))]
    which, _ = merge([found for _, found in answers], k)
    # Each answer is best first, so that what comes of it comes in its order.
    counts = np.bincount(which, minlength=len(answers)).tolist()
    turns = [
        iter(_ranked(piece, found, count)) for (piece, found), count in zip(answers, counts, strict=True)
    ]
    return [next(turns[number]) for number in which.tolist()]


def _ranked(piece: Piece, found: Found, count: int) -> list[Ranked]:
    """The first rows that were found."""
    hashes = found.sha256[:count].astype(">u8").tobytes().hex()
    columns = (
        found.segment[:count].tolist(),
        [piece.ids[photo] for photo in found.photo[:count].tolist()],
        [hashes[at : at + 64] for at in range(0, 64 * count, 64)],
        *found.terms[:count].T.tolist(),
    )
    return list(map(Ranked._make, zip(*columns, strict=True)))
