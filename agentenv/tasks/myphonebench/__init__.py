"""The public benchmark MyPhoneBench (arXiv 2604.00986), on the embedded phone and on Android.

`agentenv import myphonebench DIR` reads a checkout of its repository and writes apps and tasks
in our own form; the file ``myphonebench.json`` that it writes is a suite. Nothing of that
repository comes with agentenv.

`checkout` reads the repository's files, `apps` makes an app of a form's schema and a catalogue,
`sessions` a task of each session, `checks` runs its SQL on a copy, `solving` finds what fulfils it.
With ``--device android`` the same tasks are for the benchmark's own apps: `android_app` says what
a device needs of one, `android` judges by the database that it keeps there.
"""
