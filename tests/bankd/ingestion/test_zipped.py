import io
import zipfile

import pytest

from bankd.ingestion.zipped import zipped


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [("empty", b"")],
        [("pack.json", b"{}"), *((f"{number}.png", bytes([number]) * number) for number in range(200))],
    ],
)
def test_an_archive_is_what_zipfile_writes(parts: list[tuple[str, bytes]]) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts:
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)

    assert zipped(parts) == out.getvalue()


def test_a_name_that_is_not_plain_is_no_part() -> None:
    with pytest.raises(UnicodeEncodeError):
        zipped([("日本.png", b"")])
