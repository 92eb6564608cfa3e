"""What a plan asks for beside the ideal, put into a model."""
