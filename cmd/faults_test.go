package cmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A fault is something that may happen to a program that runs for long, and the tests
// that show what happens then: a folder, and functions in its tests.
type fault struct {
	id, what string
	tests    map[string]string
}

// faults are the rows of the design's table of them that are about "serve".
var faults = []fault{
	{"C3", "reload: invalid, a storm, in the middle of a run", map[string]string{"engine/schedule": "TestThousandReloads TestCatalogKeepsTheLastGoodOne TestWatch"}},
	{"D1", "killed before or after a message is sent and marked", map[string]string{"cmd": "testKilled", "engine/delivery": "TestNothingIsLostWhenProcessesAreKilled", "engine/store": "TestKill"}},
	{"D2", "the work is done, the reply is lost", map[string]string{"engine/delivery": "TestTheReplyIsLost TestUnknownStays"}},
	{"D3", "429 with any Retry-After", map[string]string{"engine/delivery": "TestTheDestinationIsLeftAlone TestAPauseOutlastsTheProcess TestManyMessagesWaitForOneDestination"}},
	{"D4", "a channel is down for a day", map[string]string{"engine/delivery": "TestAChannelIsDownForADay TestTheBreaker TestOneDestinationIsDead"}},
	{"D5", "a message kills the process", map[string]string{"engine/delivery": "TestAMessageKillsTheProcess", "engine/schedule": "TestPoisonIsParked"}},
	{"D6", "100,000 alerts at once", map[string]string{"engine/server": "TestStorm", "engine/delivery": "TestDigest TestDigestOfMany"}},
	{"S1", "missed ticks, a clock that is set, frozen, daylight saving", map[string]string{
		"cmd": "testFrozen", "engine": "TestCronModel TestCronOnceADay", "engine/schedule": "TestADay TestAYearOfCron TestAClockThatIsSet TestAYearAway TestModel",
	}},
	{"S2", "a run hangs, panics, dies again and again", map[string]string{"engine": "TestRogues", "engine/schedule": "TestRogueWorkflows TestARunThatDoesNotEndIsLeftBehind"}},
	{"S3", "the loop of the scheduler dies", map[string]string{"engine/schedule": "TestAPanicEndsTheScheduler TestUnwell"}},
	{"S4", "started anew while runs were under way", map[string]string{"cmd": "testKilled", "engine/schedule": "TestKills TestDrainAndResume", "engine/store": "TestUnfinished"}},
	{"S5", "cron that cannot be", map[string]string{"engine": "TestBadCron FuzzCron"}},
	{"B1", "killed, power cut, locked, full, EIO, corrupt, read-only", map[string]string{
		"cmd": "testDiskFails", "engine/store": "TestKill TestPowerCut TestLockedFile TestFullDisk TestBrokenDisk TestFlippedBytes TestCutFiles TestReadOnlyDisk",
	}},
	{"B2", "two processes on one folder", map[string]string{"cmd": "testTwoPrograms", "engine/store": "TestSecondProcess"}},
	{"A1", "any role on any route, tricks with paths", map[string]string{"engine/server": "TestRouteByRole TestZeroPermissionDenies TestPathTricks"}},
	{"A2", "100,000 bad requests, slow ones, 10,000 connections", map[string]string{"engine/server": "TestBadRequests TestLimits TestSlowBodies TestSlowHeaders TestManyConnections FuzzRequest"}},
	{"W1", "a connection that is half open, no pong (in .ci/half-open with packets that are dropped)", map[string]string{"providers/websocket": "TestHalfOpen TestPings TestReconnectWaits"}},
	{"W2", "gap, duplicate, flood, a huge frame, an expired token", map[string]string{
		"providers/websocket": "TestFloods TestOpeningAndResume TestBrokenFeeds TestSlowConsumer TestSignedAnew TestRecent TestAnnouncedSizeCostsNothing", "engine/schedule": "TestASubscriptionIsHeldBack",
	}},
	{"H1", "a delivery that is forged, replayed, changed", map[string]string{"engine/ingest": "TestForged TestForgedSNS TestVerifyReadsRawBytes TestPublishedExamples", "engine/server": "TestSignedDeliveries", "engine/store": "TestAcceptOnce"}},
	{"H2", "a delivery of garbage", map[string]string{"engine/ingest": "TestBatchKeepsTheGood TestRefused FuzzMapping FuzzKeep", "engine/server": "TestHalfGoodBatch"}},
	{"K1", "a secret where it should not be", map[string]string{
		"cmd": "TestCanariesOfServe", "engine": "TestSecrets", "engine/delivery": "TestSecretsAreSealed", "providers": "TestCanaries TestMaskProperty", "providers/websocket": "TestCanaries TestSecretsOfEvents",
	}},
	{"M1", "killed or full in a migration, data of a newer version", map[string]string{"engine/store": "TestMigrate TestMigrateKilled TestMigrateFullDisk TestMigrateCutOff TestFixtures"}},
	{"M2", "SIGTERM under load", map[string]string{"cmd": "testStopped", "engine/schedule": "TestDrainAndResume", "engine/server": "TestShutdown"}},
}

// Each fault has its tests, which are there under these names.
func TestFaultsAreTested(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func ((?:[Tt]est|Fuzz)\w+)\(`)
	there := map[string]bool{}
	for _, f := range faults {
		for folder := range f.tests {
			files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %v", folder, err)
			}
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range declared.FindAllSubmatch(text, -1) {
					there[folder+" "+string(m[1])] = true
				}
			}
		}
	}
	for _, f := range faults {
		for folder, names := range f.tests {
			for _, name := range strings.Fields(names) {
				if !there[folder+" "+name] {
					t.Errorf("fault %s, %s: %s has no %s", f.id, f.what, folder, name)
				}
			}
		}
	}
}

// No row is left out.
func TestFaultsAreAll(t *testing.T) {
	var ids []string
	for _, f := range faults {
		ids = append(ids, f.id)
	}
	if got, want := strings.Join(ids, " "), "C3 D1 D2 D3 D4 D5 D6 S1 S2 S3 S4 S5 B1 B2 A1 A2 W1 W2 H1 H2 K1 M1 M2"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
