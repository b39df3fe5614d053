"""One contract for every store: a folder, and a real S3 service."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.artifacts.choose import store_of
from common.artifacts.folder import FolderStore
from common.artifacts.s3 import S3Store
from common.artifacts.store import PIECE, Missing, Store, StoreError, key_of
from common.config import Settings
from common.errors import ConfigurationError
from tests.support import s3


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.service() as address:
        yield address


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "artifacts")
    address = request.getfixturevalue("endpoint")
    return store_of(
        Settings(
            artifact_store=f"s3://{s3.BUCKET}/{tmp_path.name}",
            s3_endpoint=address,
            s3_region="us-east-1",
            s3_access_key=s3.KEY,
            s3_secret_key=SecretStr(s3.SECRET),
        )
    )


class Counted(io.BytesIO):
    """A file that knows the most that was read of it at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.most = max(self.most, len(data))
        return data


@pytest.mark.parametrize("size", [0, 1, PIECE, 20 * 1024 * 1024 + 7], ids=lambda size: f"{size}")
def test_what_is_put_is_what_comes_back_piece_by_piece(store: Store, size: int) -> None:
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    file = Counted(content)
    store.put("1/2-3-0", file)
    pieces = list(store.open("1/2-3-0"))
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) <= PIECE
    assert file.most <= 8 * 1024 * 1024


def test_putting_again_replaces(store: Store) -> None:
    store.put("1/a", io.BytesIO(b"first"))
    store.put("1/a", io.BytesIO(b"second"))
    store.put("1/b", io.BytesIO(b"other"))
    assert b"".join(store.open("1/a")) == b"second"


def test_what_is_deleted_is_missing_and_may_be_deleted_again(store: Store) -> None:
    store.put("1/a", io.BytesIO(b"x"))
    store.delete("1/a")
    store.delete("1/a")
    with pytest.raises(Missing):
        store.open("1/a")


def test_an_upload_that_breaks_leaves_nothing(store: Store) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 8 << 20:
                raise LookupError
            return super().read(size)

    with pytest.raises(LookupError):
        store.put("1/a", Broken(b"x" * (9 << 20)))
    with pytest.raises(Missing):
        store.open("1/a")


def test_a_service_that_is_away_or_refuses_is_said_to_be(endpoint: str) -> None:
    away = S3Store(s3.BUCKET, "", endpoint="http://127.0.0.1:9", region="us-east-1", key="k", secret="s")
    other = S3Store("no-such-bucket", "", endpoint=endpoint, region="us-east-1", key="k", secret="s")
    for store in (away, other):
        with pytest.raises(StoreError, match=f"^{store.place}: "):
            store.put("1/a", io.BytesIO(b"x"))


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="Not a directory"):
        FolderStore(tmp_path / "file").put("1/a", io.BytesIO(b"x"))


def test_files_in_the_folder_are_for_rota_alone(tmp_path: Path) -> None:
    FolderStore(tmp_path / "artifacts").put("1/a", io.BytesIO(b"x"))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "artifacts").rglob("*")} == {0}
    assert [path.name for path in (tmp_path / "artifacts" / "1").iterdir()] == ["a"]


def test_the_settings_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_of(Settings(data_dir=tmp_path)).place == f"folder {tmp_path}/artifacts"
    assert store_of(Settings(artifact_store="/srv/files")).place == "folder /srv/files"
    assert store_of(Settings(artifact_store="s3://bucket/a/b/", s3_region="x")).place == "s3://bucket/a/b/"
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'rota\[s3\]'"):
        store_of(Settings(artifact_store="s3://bucket"))


def test_a_key_is_the_same_for_the_same_file() -> None:
    assert key_of(1_234_567, 2, 0) == "001234/1234567-2-0"
