"""`doctor`: what this machine has and lacks, each line with its remedy."""
