"""Every figure that the README quotes, each with its peer beside it in the same run."""
