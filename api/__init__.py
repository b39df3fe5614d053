"""HTTP: JSON routes and HTML pages over the services of `common`."""
