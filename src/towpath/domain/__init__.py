"""What is true of jobs, tasks and paths whatever the machine: pure code, no I/O, standard library only."""
