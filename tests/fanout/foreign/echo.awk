# A line for a line, on a listener that is made anew for each client.
BEGIN {
	service = "/inet/tcp/" port "/0/0"
	for (;;) {
		if ((service |& getline line) > 0)
			print line |& service
		close(service)
	}
}
