"""What pages say and do, without a browser."""
