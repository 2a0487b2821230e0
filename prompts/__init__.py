"""The prompts of the toolkit, one Markdown file each, in the format of `workbench.prompts`."""
