"""Sound devices: selection, backends, and the process that records from one."""
