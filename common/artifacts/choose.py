"""Which store the settings name."""

from pathlib import Path

from common.artifacts.folder import FolderStore
from common.artifacts.s3 import S3Store
from common.artifacts.store import Store
from common.config import Settings


def store_of(settings: Settings) -> Store:
    """The store for these settings; raises ConfigurationError when it needs what is not installed."""
    where = settings.artifact_store
    if where.startswith("s3://"):
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        return S3Store(
            bucket,
            prefix.strip("/"),
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            key=settings.s3_access_key,
            secret=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else "",
        )
    return FolderStore(Path(where) if where else settings.data_dir / "artifacts")
