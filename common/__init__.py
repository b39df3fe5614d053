"""What every process shares: rules, database, queue, services, settings."""
