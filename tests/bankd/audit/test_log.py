from bankd.audit import log
from bankd.audit.kinds import Kind


def test_entries_are_numbered_from_zero_by_the_commit(sessions, BY, AT):
    with sessions.begin() as session:
        first = log.append(session, Kind.KEY_CREATED, by=BY.operator, at=AT, key="a")
        second = log.append(session, Kind.KEY_REVOKED, by=BY.operator, at=AT, key="a")
        assert log.epoch(session) == 0

    assert (first.index, second.index) == (0, 1)
    with sessions.begin() as session:
        assert log.epoch(session) == 2
        assert [entry.payload["objects"] for entry in log.read(session)] == [{"key": "a"}] * 2
