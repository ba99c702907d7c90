"""The running daemon and the running edge: composition, stop order, reload, signals, the service manager."""
