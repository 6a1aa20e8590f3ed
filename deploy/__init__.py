"""Puts Rolecall into an AWS account, and takes it out again: `python -m deploy`, which `make deploy` runs.

Three stacks a stage: what it keeps (`rolecall-<stage>-data`), the functions (by `chalice deploy`, or as the stack
`rolecall-<stage>`), and what rings (`rolecall-<stage>-watch`). Everything is found by its name, which is fixed: no run
depends on what an earlier one noted, or on how far it came.

deployment   what each command does, in which order
project      the project as it is deployed: a clean copy, and programs run in it
stages       what a stage needs in `.chalice/`, from templates
bundle       the functions' zip, without what no function uses
check        are the settings there, and can they be right? `limits`, `runtimes` and `lint`: would AWS take it?
stacks       CloudFormation stacks, whatever an earlier run left of them
kept         tables and queues
functions    the functions, by Chalice or by CloudFormation; putting the version before back
found        what there is of a stage in AWS; `notes` writes it down as Chalice would have
bucket       the packages of some versions
remove       taking a stage out of the account
report       what the person must know at the end
"""
