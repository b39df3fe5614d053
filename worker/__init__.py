"""Claims executions, has them run by the runner, records what became of them."""
