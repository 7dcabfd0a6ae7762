"""hostler completion: print the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    Names of locations, pipelines and runs are completed from the daemon, if it runs.

    \b
    bash:  hostler completion bash > ~/.local/share/bash-completion/completions/hostler
    zsh:   hostler completion zsh > "${fpath[1]}/_hostler"
    fish:  hostler completion fish > ~/.config/fish/completions/hostler.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "hostler", "_HOSTLER_COMPLETE").source()
    click.echo(script)
