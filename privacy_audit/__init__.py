"""Personal data in what an agent did: evidence, verdicts, scores and reports.

Read the modules in the order in which data goes through them:

    events       a log, or the steps of a trajectory, as `Event`s      (what happened)
    contract     what the task may use, and every place data could go  (what should happen)
    canaries     the owner's values in any text, however written
    invented     values that only look like personal data
    flows        item -> recipient, and how far it got
    findings     each opportunity: clean, violation, not reached or audit failure
    scores       one number per trajectory, and intervals over many
    auditing     all of that for one trajectory, and for a store
    reports      JSON, SARIF, JUnit, HTML, terminal

`policy` holds what is a matter of judgement (severities, controls) as data;
`myphonebench` is another protocol's scores over the same events.
"""
