"""Your own estimators, in a module each; `train.estimator.path` names the class."""
