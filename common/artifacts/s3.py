"""The store in an S3-compatible service, by boto3: the extra `s3`."""

from collections.abc import Iterator
from typing import IO, Any

from common.artifacts.store import PIECE, Missing, StoreError
from common.errors import ConfigurationError

#: Bytes of one part of an upload; one part at a time is in memory.
_PART = 8 * 1024 * 1024


class S3Store:
    """Files of a bucket below a prefix. Without keys, boto3 looks where it always does: environment, profile, role.

    Raises ConfigurationError when boto3 is not installed.
    """

    def __init__(
        self, bucket: str, prefix: str, *, endpoint: str = "", region: str = "", key: str = "", secret: str = ""
    ) -> None:
        try:
            import boto3
            from boto3.s3.transfer import TransferConfig
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise ConfigurationError("ROTA_ARTIFACT_STORE names S3, which needs: pip install 'rota[s3]'") from None
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        self.place = f"s3://{bucket}/{self._prefix}"
        self._transfer = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, use_threads=False)
        self._errors: Any = (BotoCoreError, ClientError, boto3.exceptions.Boto3Error)
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=region or None,
            aws_access_key_id=key or None,
            aws_secret_access_key=secret or None,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path" if endpoint else "auto"},
                # Not every service that speaks S3 knows the checksums that Amazon's began to send in 2025.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put(self, key: str, file: IO[bytes]) -> None:
        """Send the file, in parts where it is large: until the last is there, there is none of it."""
        try:
            self._client.upload_fileobj(file, self._bucket, self._prefix + key, Config=self._transfer)
        except self._errors as error:
            raise StoreError(f"{self.place}: {error}") from error

    def open(self, key: str) -> Iterator[bytes]:
        """The file in pieces."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"]
        except self._errors as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code in ("NoSuchKey", "404"):
                raise Missing(f"{self.place} does not have {key}") from error
            raise StoreError(f"{self.place}: {error}") from error
        return self._pieces(body)

    def delete(self, key: str) -> None:
        """Delete the file."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except self._errors as error:
            raise StoreError(f"{self.place}: {error}") from error

    def _pieces(self, body: Any) -> Iterator[bytes]:
        try:
            yield from body.iter_chunks(PIECE)
        finally:
            body.close()
