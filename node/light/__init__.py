"""Both sides of the light client: what a node answers, and who asks several and believes none."""
