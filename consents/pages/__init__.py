"""Pages for the people whose consent it is: no login, a link is the authority."""
