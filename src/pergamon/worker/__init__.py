"""The worker: the process that runs workflows, with its engine and its catalog endpoint."""
