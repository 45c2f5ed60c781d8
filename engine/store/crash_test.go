package store
const (writerEnv="TOCSIN_STORE_WRITER"; openEnv="TOCSIN_STORE_OPEN")
func writeUntilKilled(dir string) {}
func openAndSay(path string) {}
