"""What an operator runs: `python -m ops --help`. Never shipped to Lambda.

cli            the command line: options (`options`), dispatch, exit codes (`errors`)
stage          one stage of Rolecall as seen from outside: AWS clients, functions, settings, secrets
access         getting at AWS: which region, and what to do where it cannot be asked
installations  which stages there are
refusals       what to do where Discord refused something as a whole
screen         how things are shown: tables, progress bars, JSON; `words` for times, sizes and names
store          reads of the store that go through everything
queues         SQS queues seen from outside
discord        plain reads from Discord that only a check needs
doctor/        the set-up, checked end to end: `base` runs checks, `ground` is what they look at, `command` shows
               the results, the other modules hold the checks, one a theme
status         what goes on right now (`snapshot` gathers it)
stillness      sweeps that make no step
stops          why calls to Discord have stopped
user           all that is known of one user
sweep          starts sweeps and follows them
dead_letters   what was set aside (`letters` reads and moves it)
links/         moving in and out: `load` and `export`; `table` reads and writes files, `bulk` the store
secrets        puts secrets into Parameter Store
bot            the page that adds the bot; going on after all calls were stopped
"""
