"""Programs for people who work on this repository; the service never imports them."""
