"""The operator's commands: `python -m ops --help`. Nothing here is shipped to Lambda.

cli               the command line: options (`options`), dispatch, exit codes (`errors`)
stage             one stage of Rolecall as seen from outside: AWS clients, functions, settings, secrets
aws_access        the region, and what to do when AWS cannot be reached
stages            which stages exist; `new_stage` writes what one more needs
discord_refusals  what to do when Discord refuses the bot as a whole
console           output: tables, progress bars, JSON; `formatting` for times, sizes and names
store             reads that go through a whole table
queues            SQS queues seen from outside
discord           plain reads from Discord that only a check needs
doctor/           checks of the whole installation: `base` runs a check, `context` is what checks read, `command` shows
                  the results; each other module holds the checks of one theme
status            what goes on right now (`snapshot` gathers it)
stalled_sweeps    sweeps that make no step
user              everything known about one user
sweep             starts sweeps; `watch` follows them
dead_letters      messages that were set aside (`dead_letter_queue` reads and moves them)
links/            migration in and out: `load` and `export`; `table` reads and writes files, `bulk` the store
secrets           stores secrets in Parameter Store
bot               the page that adds the bot; resuming after all calls were halted
"""
