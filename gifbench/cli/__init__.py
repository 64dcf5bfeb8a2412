"""The `gifbench` command: thin files, a group of commands each, and no logic."""


def main() -> None:
    """Run the command with the arguments of the process."""
    # Loaded here, so that `gifbench.cli.output` can be had by the commands that other packages add.
    from gifbench.cli.app import main as run

    run()


__all__ = ["main"]
