"""The kernels against their peers: one file of rows a kernel, a harness that runs them in turn."""
