"""Databases of users: what kinds there are, whether one may be reached, connections, statements, what went wrong.

Synchronous code for the processes of tasks (`worker.kinds.run`) and for the test of a connection, in a thread:

    with connect(source, rules) as connection:
        connection.execute("UPDATE …", {"since": day})
        with connection.stream("SELECT …") as stream:
            stream.columns, then: for rows in stream: …

`engine(source, rules)` is the same for whoever wants SQLAlchemy. Each engine has a module (`postgresql`, `mysql`,
`sqlite`, `oracle`, `sqlserver`) with all that differs: how one connects, encrypts, sets a timeout on the server,
forbids changes, cancels from outside. Drivers are imported when they are first used; some are extras.
"""
