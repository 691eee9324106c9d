"""SinDDM itself: pyramid, schedule, networks, training and sampling. Usable alone."""
