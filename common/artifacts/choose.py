"""Which store the settings name."""

from pathlib import Path

from common.artifacts.folder import FolderStore
from common.artifacts.s3 import S3Store
from common.artifacts.store import Store
from common.config import Settings


def store_of(settings: Settings) -> Store:
    """The store for these settings; raises ConfigurationError when it needs what is not installed."""
    remote = s3_options(settings)
    return S3Store(**remote) if remote else FolderStore(folder_of(settings))


def folder_of(settings: Settings) -> Path:
    """The folder of the store, where it is one."""
    return (
        Path(settings.artifact_store).absolute()
        if settings.artifact_store
        else settings.data_dir.absolute() / "artifacts"
    )


def s3_options(settings: Settings) -> dict[str, str] | None:
    """What an `S3Store` is told, its secret included; None where the store is a folder."""
    if not settings.artifact_store.startswith("s3://"):
        return None
    bucket, _, prefix = settings.artifact_store.removeprefix("s3://").partition("/")
    return {
        "bucket": bucket,
        "prefix": prefix.strip("/"),
        "endpoint": settings.s3_endpoint,
        "region": settings.s3_region,
        "key": settings.s3_access_key,
        "secret": settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else "",
    }
