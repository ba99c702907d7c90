"""The running daemon: composition, stop order, reload, signals, the service manager."""
