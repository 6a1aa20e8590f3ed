"""Does an auth site keep its half of the contract? A fake Rolecall talks to it, and says what is wrong.

report       runs every check of `checks`, and says what each found
examination  what every check has at hand
users        the auth site's users: made, changed, clicking, removed
statements   what tokens and messages stated of them
driver       how the auth site is made to do things
rolecall     Rolecall as the auth site sees it by HTTP, with links as the checks want them
queues       the jobs queue, read, and the notices queue, filled
environment  all of that running, with queues of a local AWS
command      the command line
"""
