package mock_test

import (
	"testing"

	"tocsin/providers/mock"
	"tocsin/providers/providertest"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, mock.Provider)
}
