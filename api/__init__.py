"""REST for patients, doctors and clinics."""
