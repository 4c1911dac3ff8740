"""Your own estimators: a module each, named by its path in `train.estimator.path`."""
