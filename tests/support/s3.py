"""An S3 service on this machine: moto's server in a thread, with one bucket."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "rota-files"
KEY, SECRET = "key-of-tests", "secret-of-tests"


@contextmanager
def service() -> Iterator[str]:
    """The address of a service whose bucket is empty."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    assert host
    try:
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
        )
        client.create_bucket(Bucket=BUCKET)
        yield endpoint
    finally:
        server.stop()
