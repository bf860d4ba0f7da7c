"""How the embedded server is set. On the command line, so that they hold for old clusters and whatever is in them."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_checkpoints": "off",
    # No value out of a statement may reach the log. What failed in a statement is told to its client only ("log" stands
    # above "error" here), and what is logged comes without its statement, its parameters and its details.
    "log_min_messages": "log",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
VOLATILE_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def settings(*, durable: bool) -> list[str]:
    """The server's settings as command-line arguments; not durable means that a crash may cost the cluster."""
    chosen = SETTINGS if durable else SETTINGS | VOLATILE_SETTINGS
    return [argument for name, value in chosen.items() for argument in ("-c", f"{name}={value}")]
