"""What an operator runs: `python -m ops --help`. Never shipped to Lambda.

cli            the command line: options, dispatch, exit codes
stage          one stage of Rolecall as seen from outside: AWS clients, functions, settings, secrets
screen         how things are shown: tables, progress bars, JSON
words          times, sizes and names as people read them
discord        plain reads from Discord that only a check needs
doctor/        the set-up, checked end to end: `base` runs checks, the other modules hold them, one a theme
status         what goes on right now (`snapshot` gathers it, `queues` looks into SQS)
user           all that is known of one user
sweep          starts sweeps and follows them
dead_letters   what was set aside (`letters` reads and moves it)
links/         moving in and out: `table` reads and writes files, `bulk` the store
secrets        puts secrets into Parameter Store
bot            the page that adds the bot; lifting a stop of all calls
"""
