"""Watch a model in use: drift, missing values, refused rows, volume, freshness."""
