"""The overlay against a plain dictionary, with savepoints."""

from hypothesis import given
from hypothesis import strategies as st

from vm.overlay import EmptyView, Overlay

KEYS = st.binary(min_size=0, max_size=2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=1)),
        st.tuples(st.just("delete"), KEYS, st.just(b"")),
        st.tuples(st.sampled_from(["save", "back"]), st.just(b""), st.just(b"")),
        st.tuples(st.just("scan"), KEYS, KEYS),
    ),
    max_size=40,
)


def expected_scan(
    rows: dict[bytes, bytes], prefix: bytes, start: bytes
) -> list[tuple[bytes, bytes]]:
    return sorted((k, v) for k, v in rows.items() if k.startswith(prefix) and k >= start)


@given(st.dictionaries(KEYS, st.binary(max_size=1)), STEPS, st.integers(0, 5))
def test_overlay_equals_a_dictionary(
    below: dict[bytes, bytes], steps: list[tuple[str, bytes, bytes]], limit: int
) -> None:
    base = Overlay(EmptyView())
    for key, value in below.items():
        base.put(key, value)
    overlay, model = Overlay(base), dict(below)
    saved: list[tuple[int, dict[bytes, bytes]]] = []
    for step, key, value in steps:
        if step == "put":
            overlay.put(key, value)
            model[key] = value
        elif step == "delete":
            overlay.delete(key)
            model.pop(key, None)
        elif step == "save":
            saved.append((overlay.savepoint(), dict(model)))
        elif step == "back" and saved:
            savepoint, model = saved.pop()
            overlay.rollback(savepoint)
        elif step == "scan":
            found = list(overlay.scan(key, start=value, limit=limit))
            assert found == expected_scan(model, key, value)[:limit]
        assert overlay.get(key) == model.get(key)
    assert list(overlay.scan(b"", start=b"", limit=10**6)) == sorted(model.items())
    merged = {k: v for k, v in ({**below, **overlay.writes()}).items() if v is not None}
    assert merged == model
    assert list(overlay.writes()) == sorted(overlay.writes())
    assert dict(base.scan(b"", start=b"", limit=10**6)) == below


def test_what_was_rolled_back_is_no_write() -> None:
    overlay = Overlay(EmptyView())
    mark = overlay.savepoint()
    overlay.put(b"a", b"1")
    overlay.rollback(mark)
    assert overlay.writes() == {}


def test_deleted_rows_do_not_shorten_a_scan() -> None:
    base = Overlay(EmptyView())
    for key in (b"a", b"b", b"c"):
        base.put(key, key)
    overlay = Overlay(base)
    overlay.delete(b"a")
    assert list(overlay.scan(b"", start=b"", limit=2)) == [(b"b", b"b"), (b"c", b"c")]
