package workflows

// MergeForTest is merge: facts about it are mappings that are no whole actions.
var MergeForTest = merge
